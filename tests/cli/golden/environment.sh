FXMON_BATCH=none fxmon-consume --from - --sink -
