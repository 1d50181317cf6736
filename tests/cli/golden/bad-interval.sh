fxmon-produce --from sim: --to - --interval soon
