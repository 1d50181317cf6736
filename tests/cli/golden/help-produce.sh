fxmon-produce --help
