#!/usr/bin/env bash
# Exchanges messages with the official AWS Encryption SDKs: run it from anywhere, without arguments.
#
# It needs Go, Node.js 20 or newer with npm, and the package registries when it runs for the first time.
# Python 3.11 or newer takes part where it is present. What it installs goes into javascript/node_modules
# and python/.venv beside it, 32 MB and 101 MB, which git ignores.
#
# Exit status: 0, all who are here understood each other; 1, somebody did not; 2, they did, as far as they
# are here, but the JavaScript SDK could not take part.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
exec </dev/null

say() { echo "interop: $*"; }

# installed FOLDER LIST: whether FOLDER holds what LIST says, from an earlier run.
installed() { cmp -s "$1/.interop-installed" "$2"; }
mark_installed() { cp "$2" "$1/.interop-installed"; }

has_node() {
	command -v npm >/dev/null && command -v node >/dev/null &&
		node --eval 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)'
}

install_javascript() (
	cd javascript
	if installed node_modules package-lock.json; then return; fi
	say 'installing the JavaScript SDK'
	npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
	mark_installed node_modules package-lock.json
)

# find_python prints an interpreter that is new enough and can make virtual environments.
find_python() {
	local candidate
	for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
		if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
			echo "$candidate"
			return
		fi
	done
	return 1
}

install_python() (
	cd python
	if installed .venv requirements.txt && .venv/bin/python -c '' 2>/dev/null; then return; fi
	say 'installing the Python SDK'
	rm -rf .venv
	"$1" -m venv .venv
	.venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check -r requirements.txt
	mark_installed .venv requirements.txt
)

present=(Go)
missing=
if has_node; then
	install_javascript
	present+=(JavaScript)
else
	missing=JavaScript
	say 'MISSING: the JavaScript SDK. Install Node.js 20 or newer with npm.'
fi
if python=$(find_python); then
	install_python "$python"
	present+=(Python)
else
	say 'SKIPPED: the Python SDK. Install Python 3.11 or newer with venv (on Debian: python3 python3-venv).'
fi

# Without a package named, go test shows what TestMain reports.
SEALWAX_INTEROP_PEERS="${present[*]}" go test -count=1

if [[ -n $missing ]]; then
	say "the $missing SDK did not take part, so that the proof is not whole; install what is missing above"
	exit 2
fi
