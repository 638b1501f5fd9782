// The official AWS Encryption SDK for JavaScript, as a process that seals and
// opens messages on request: one JSON object per line on standard input, one
// answer per line on standard output. ../process_test.go is the other end.

import { readFileSync } from 'node:fs'
import { constants } from 'node:crypto'
import { createInterface } from 'node:readline'
import {
  AwsKmsMrkAwareSymmetricDiscoveryKeyringNode,
  AwsKmsMrkAwareSymmetricKeyringNode,
  KMS,
  KmsKeyringNode,
  MultiKeyringNode,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
  RawRsaKeyringNode,
  buildClient,
} from '@aws-crypto/client-node'

// A request that the SDK never answers must not stop the tests.
const REQUEST_TIMEOUT_MS = 20_000

const AES_WRAPPING = {
  16: RawAesWrappingSuiteIdentifier.AES128_GCM_IV12_TAG16_NO_PADDING,
  24: RawAesWrappingSuiteIdentifier.AES192_GCM_IV12_TAG16_NO_PADDING,
  32: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
}

const OAEP_HASH = {
  OAEP_SHA1_MGF1: 'sha1',
  OAEP_SHA256_MGF1: 'sha256',
  OAEP_SHA384_MGF1: 'sha384',
  OAEP_SHA512_MGF1: 'sha512',
}

const kmsClients = new Map()

function kmsClient(endpoint, region) {
  const id = `${endpoint} ${region}`
  if (!kmsClients.has(id)) {
    kmsClients.set(
      id,
      new KMS({
        endpoint,
        region,
        credentials: { accessKeyId: 'interop', secretAccessKey: 'interop' },
        maxAttempts: 1,
      })
    )
  }
  return kmsClients.get(id)
}

function discoveryFilter(key) {
  return { partition: key.partition, accountIDs: key.accounts }
}

function wrappingKey(key, kms) {
  switch (key.kind) {
    case 'raw-aes': {
      const secret = Buffer.from(key.key, 'base64')
      return new RawAesKeyringNode({
        keyNamespace: key.namespace,
        keyName: key.name,
        // The SDK wants memory that is not part of Node's buffer pool.
        unencryptedMasterKey: new Uint8Array(secret),
        wrappingSuite: AES_WRAPPING[secret.length],
        // Left out, not false, where the default is meant.
        ...(key.utf8Sorting ? { utf8Sorting: true } : {}),
      })
    }
    case 'raw-rsa':
      return new RawRsaKeyringNode({
        keyNamespace: key.namespace,
        keyName: key.name,
        rsaKey: { publicKey: key.publicKey, privateKey: key.privateKey },
        ...(key.padding === 'PKCS1'
          ? { padding: constants.RSA_PKCS1_PADDING }
          : {
              padding: constants.RSA_PKCS1_OAEP_PADDING,
              oaepHash: OAEP_HASH[key.padding],
            }),
      })
    case 'kms':
      return new KmsKeyringNode({
        clientProvider: (region) => kmsClient(kms, region || key.region),
        generatorKeyId: key.keyId,
      })
    case 'kms-discovery':
      return new KmsKeyringNode({
        clientProvider: (region) => kmsClient(kms, region || key.region),
        discovery: true,
        discoveryFilter: discoveryFilter(key),
      })
    case 'kms-multi-region':
      return new AwsKmsMrkAwareSymmetricKeyringNode({
        client: kmsClient(kms, key.region),
        keyId: key.keyId,
      })
    case 'kms-multi-region-discovery':
      return new AwsKmsMrkAwareSymmetricDiscoveryKeyringNode({
        client: kmsClient(kms, key.region),
        discoveryFilter: discoveryFilter(key),
      })
    default:
      throw new Error(`unknown kind of wrapping key ${key.kind}`)
  }
}

function keyring({ keys, kms }) {
  const [generator, ...children] = keys.map((key) => wrappingKey(key, kms))
  if (children.length === 0) return generator
  return new MultiKeyringNode({ generator, children })
}

// Each operation prepares, and returns what the SDK then does. An error while
// preparing is a mistake of the tests; one of the SDK is its refusal.

function seal(request) {
  const { encrypt } = buildClient(request.policy)
  const keys = keyring(request)
  return async () => {
    const { result } = await encrypt(keys, Buffer.from(request.data, 'base64'), {
      suiteId: request.suite,
      frameLength: request.frameLength,
      encryptionContext: request.context,
    })
    return { data: result.toString('base64') }
  }
}

function open(request) {
  const { decrypt } = buildClient(request.policy)
  const keys = keyring(request)
  return async () => {
    const { plaintext, messageHeader } = await decrypt(
      keys,
      Buffer.from(request.data, 'base64')
    )
    return {
      data: plaintext.toString('base64'),
      context: { ...messageHeader.encryptionContext },
    }
  }
}

function version() {
  const sdk = new URL(
    './node_modules/@aws-crypto/client-node/package.json',
    import.meta.url
  )
  const { version } = JSON.parse(readFileSync(sdk))
  return async () => ({
    version: `${version} on Node.js ${process.versions.node}`,
  })
}

const operations = { seal, open, version }

// Some of the SDK's refusals are exceptions that nobody catches.
let refuse = () => {}
process.on('uncaughtException', (error) => refuse(error))
process.on('unhandledRejection', (error) => refuse(error))

function describe(error) {
  return String(error?.message || error || 'unknown error')
}

async function answer(line) {
  let run
  try {
    const request = JSON.parse(line)
    run = operations[request.op](request)
  } catch (error) {
    return { broken: describe(error) }
  }
  return new Promise((resolve) => {
    const timer = setTimeout(
      () => resolve({ broken: 'the SDK gave no answer' }),
      REQUEST_TIMEOUT_MS
    )
    refuse = (error) => resolve({ refusal: describe(error) })
    run().then(resolve, refuse).finally(() => clearTimeout(timer))
  })
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(line)) + '\n')
}
