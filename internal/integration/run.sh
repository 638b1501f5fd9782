#!/usr/bin/env bash
# Runs the tests of package s3crypto against real S3 servers: versitygw, plain and over TLS, and MinIO.
# Then the official AWS Encryption SDKs read what is stored, and the reverse.
# It needs Go and the module proxy, for one of the SDKs Node.js 20 or later and the npm registry, and
# 240 MB in ${XDG_CACHE_HOME:-~/.cache}/sealwax, where the servers stay between runs. The first run builds them, which takes some minutes.
#
#   SEALWAX_STREAM_GIB=5   length of the stream that goes through each server and back, in GiB; CI streams 1.
#                          A server that keeps nothing is sent 5 GiB of unknown length in every run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

VERSITYGW=github.com/versity/versitygw/cmd/versitygw@v1.8.0
MINIO=github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c # AGPL: a process of its own, never linked

bin=${XDG_CACHE_HOME:-$HOME/.cache}/sealwax/servers
work=$(mktemp -d)
pids=()
cleanup() {
	local pid
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT

install() {
	local name=$1 module=$2
	[[ -x $bin/$name-${module##*@} ]] && return
	echo "building $module"
	GOBIN=$bin GOFLAGS= go install "$module"
	mv "$bin/$name" "$bin/$name-${module##*@}"
}

free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 20000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

# started NAME PORT PID waits until the server listens.
started() {
	local tries
	for tries in {1..300}; do
		if (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; then return; fi
		if ! kill -0 "$3" 2>/dev/null; then break; fi
		sleep 0.1
	done
	echo "$1 does not start:"
	cat "$work/$1.log"
	return 1
}

install versitygw "$VERSITYGW"
install minio "$MINIO"

port=$(free_port)
mkdir -p "$work/versitygw/root" "$work/versitygw/versions" "$work/minio"
ROOT_ACCESS_KEY=testkey ROOT_SECRET_KEY=testsecret "$bin/versitygw-${VERSITYGW##*@}" --port "127.0.0.1:$port" --quiet \
	posix --versioning-dir "$work/versitygw/versions" "$work/versitygw/root" >"$work/versitygw.log" 2>&1 &
pids+=($!)
started versitygw "$port" $!
export SEALWAX_VERSITYGW_URL=http://127.0.0.1:$port

port=$(free_port)
MINIO_ROOT_USER=testkey MINIO_ROOT_PASSWORD=testsecret MINIO_UPDATE=off MINIO_BROWSER=off \
	MINIO_KMS_SECRET_KEY="my-key:$(head -c32 /dev/urandom | base64)" \
	"$bin/minio-${MINIO##*@}" server --address "127.0.0.1:$port" --quiet "$work/minio" >"$work/minio.log" 2>&1 &
pids+=($!)
started minio "$port" $!
export SEALWAX_MINIO_URL=http://127.0.0.1:$port

go test -count=1 -timeout=20m "$@" ./...

# The official AWS Encryption SDKs, on the same objects.
if command -v npm >/dev/null; then
	npm --prefix peers ci --no-audit --no-fund --silent
else
	echo 'npm is not there: the AWS Encryption SDK for JavaScript is passed over. Install Node.js 20 or later.'
fi
go -C peers test -count=1 ./...
