fxmon-alert --check --store sqlite:absent.db
