fxmon-produce --api-key 123 --from exchangerate-api --to -
