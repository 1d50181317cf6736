fxmon-produce --form sim: --to -
