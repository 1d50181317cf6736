fxmon-consume --from fil:log --sink -
