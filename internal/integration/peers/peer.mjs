// The official AWS Encryption SDK for JavaScript: node peer.mjs seal|open KMS-URL KEY-ARN CONTEXT-JSON
// reads one side of a message from standard input, and writes the other to standard output.

import { readFileSync } from 'node:fs'
import { KMS, KmsKeyringNode, buildClient } from '@aws-crypto/client-node'

const [operation, endpoint, generatorKeyId, context] = process.argv.slice(2)
const credentials = { accessKeyId: 'peer', secretAccessKey: 'peer' }
const keyring = new KmsKeyringNode({
  clientProvider: (region) => new KMS({ endpoint, region, credentials }),
  generatorKeyId,
})
const { encrypt, decrypt } = buildClient()
const input = readFileSync(0)

let output
if (operation === 'seal') {
  output = (await encrypt(keyring, input, { encryptionContext: JSON.parse(context) })).result
} else {
  const { plaintext, messageHeader } = await decrypt(keyring, input)
  for (const [name, value] of Object.entries(JSON.parse(context))) {
    if (messageHeader.encryptionContext[name] !== value) throw new Error(`context lacks ${name}`)
  }
  output = plaintext
}
process.stdout.write(output)
