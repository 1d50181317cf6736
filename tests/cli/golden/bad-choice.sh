fxmon-consume --from - --sink - --start middle
