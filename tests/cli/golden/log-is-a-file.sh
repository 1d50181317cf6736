echo > plain
fxmon-produce --from 'sim:?count=1' --to file:plain
echo "status $?"
fxmon-consume --from file:plain --sink - --until-end
echo "status $?"
