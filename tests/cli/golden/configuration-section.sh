printf '[producer]\nfrom = sim:\n' > c.conf
fxmon-produce --config c.conf --to -
