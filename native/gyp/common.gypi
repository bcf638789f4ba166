# node-gyp reads this where it would otherwise download Node's headers and settings, which the build
# does not use: package.json's install script names this folder.
{}
