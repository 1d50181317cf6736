fxmon-produce --from sim:
