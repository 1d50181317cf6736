fxmon-produce --from openerapi --once --to -
