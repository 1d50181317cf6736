printf '[produce]\nfrom = sim:\nintervall = 3s\n' > c.conf
fxmon-produce --config c.conf --to -
