fxmon-produce --from sim: --to - --sink -
