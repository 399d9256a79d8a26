#!/bin/sh
# Compile the shop's stylesheet. Run `npm ci` once before.
set -eu
cd "$(dirname "$0")"
npx --no-install sass --no-source-map --style=compressed --load-path=node_modules --quiet-deps \
  --silence-deprecation=import,global-builtin scss/shop.scss ../src/bookstore/shared/static/shop.css
wc -c ../src/bookstore/shared/static/shop.css
