fxmon-produce --from sim: --to - --interval 10ms
