fxmon-alert --help
