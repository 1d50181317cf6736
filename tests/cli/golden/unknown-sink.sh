fxmon-consume --from - --sink sqlit:fx.db
