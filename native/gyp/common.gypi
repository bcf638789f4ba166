# node-gyp reads this where it would otherwise download Node's headers and settings, which the build
# does not use: scripts/prebuilds.cjs names this folder.
{}
