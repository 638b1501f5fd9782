"""The official AWS Encryption SDK for Python, as a process that seals and opens
messages on request: one JSON object per line on standard input, one answer per
line on standard output. ../process_test.go is the other end.
"""

import base64
import functools
import importlib.metadata
import json
import platform
import sys

import aws_encryption_sdk
import boto3
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    AesWrappingAlg,
    CreateAwsKmsDiscoveryKeyringInput,
    CreateAwsKmsKeyringInput,
    CreateAwsKmsMrkDiscoveryKeyringInput,
    CreateAwsKmsMrkKeyringInput,
    CreateDefaultCryptographicMaterialsManagerInput,
    CreateMultiKeyringInput,
    CreateRawAesKeyringInput,
    CreateRawRsaKeyringInput,
    CreateRequiredEncryptionContextCMMInput,
    DiscoveryFilter,
)
from aws_encryption_sdk import CommitmentPolicy
from aws_encryption_sdk.identifiers import AlgorithmSuite
from botocore.config import Config

MPL = AwsCryptographicMaterialProviders(MaterialProvidersConfig())

AES_WRAPPING = {
    16: AesWrappingAlg.ALG_AES128_GCM_IV12_TAG16,
    24: AesWrappingAlg.ALG_AES192_GCM_IV12_TAG16,
    32: AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
}


@functools.cache
def kms_client(endpoint, region):
    return boto3.client(
        "kms",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="interop",
        aws_secret_access_key="interop",
        config=Config(retries={"total_max_attempts": 1}),
    )


def pem(text):
    return text.encode() if text else None


def discovery_filter(key):
    return DiscoveryFilter(partition=key["partition"], account_ids=key["accounts"])


def raw_aes(key, _kms):
    secret = base64.b64decode(key["key"])
    return MPL.create_raw_aes_keyring(
        CreateRawAesKeyringInput(
            key_namespace=key["namespace"],
            key_name=key["name"],
            wrapping_key=secret,
            wrapping_alg=AES_WRAPPING[len(secret)],
        )
    )


def raw_rsa(key, _kms):
    return MPL.create_raw_rsa_keyring(
        CreateRawRsaKeyringInput(
            key_namespace=key["namespace"],
            key_name=key["name"],
            padding_scheme=key["padding"],
            public_key=pem(key.get("publicKey")),
            private_key=pem(key.get("privateKey")),
        )
    )


def kms_key(key, kms):
    return MPL.create_aws_kms_keyring(
        CreateAwsKmsKeyringInput(kms_key_id=key["keyId"], kms_client=kms_client(kms, key["region"]))
    )


def kms_discovery(key, kms):
    return MPL.create_aws_kms_discovery_keyring(
        CreateAwsKmsDiscoveryKeyringInput(
            kms_client=kms_client(kms, key["region"]), discovery_filter=discovery_filter(key)
        )
    )


def kms_multi_region(key, kms):
    return MPL.create_aws_kms_mrk_keyring(
        CreateAwsKmsMrkKeyringInput(kms_key_id=key["keyId"], kms_client=kms_client(kms, key["region"]))
    )


def kms_multi_region_discovery(key, kms):
    return MPL.create_aws_kms_mrk_discovery_keyring(
        CreateAwsKmsMrkDiscoveryKeyringInput(
            kms_client=kms_client(kms, key["region"]),
            region=key["region"],
            discovery_filter=discovery_filter(key),
        )
    )


WRAPPING_KEYS = {
    "raw-aes": raw_aes,
    "raw-rsa": raw_rsa,
    "kms": kms_key,
    "kms-discovery": kms_discovery,
    "kms-multi-region": kms_multi_region,
    "kms-multi-region-discovery": kms_multi_region_discovery,
}


def keyring(request):
    generator, *children = [WRAPPING_KEYS[key["kind"]](key, request.get("kms")) for key in request["keys"]]
    if not children:
        return generator
    return MPL.create_multi_keyring(CreateMultiKeyringInput(generator=generator, child_keyrings=children))


def materials(request):
    """The keyword argument that gives the SDK its keys."""
    unstored = request.get("unstored")
    if not unstored:
        return {"keyring": keyring(request)}
    underlying = MPL.create_default_cryptographic_materials_manager(
        CreateDefaultCryptographicMaterialsManagerInput(keyring=keyring(request))
    )
    return {
        "materials_manager": MPL.create_required_encryption_context_cmm(
            CreateRequiredEncryptionContextCMMInput(
                required_encryption_context_keys=unstored, underlying_cmm=underlying
            )
        )
    }


def client(request):
    return aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy[request["policy"]])


# Each operation prepares, and returns what the SDK then does. An error while
# preparing is a mistake of the tests; one of the SDK is its refusal.


def seal(request):
    encrypt = functools.partial(
        client(request).encrypt,
        source=base64.b64decode(request["data"]),
        encryption_context=request["context"],
        algorithm=AlgorithmSuite.get_by_id(request["suite"]),
        frame_length=request["frameLength"],
        **materials(request),
    )

    def run():
        message, _header = encrypt()
        return {"data": base64.b64encode(message).decode()}

    return run


def open_message(request):
    decrypt = functools.partial(
        client(request).decrypt,
        source=base64.b64decode(request["data"]),
        encryption_context=request["context"],
        **materials(request),
    )

    def run():
        plaintext, header = decrypt()
        return {"data": base64.b64encode(plaintext).decode(), "context": dict(header.encryption_context)}

    return run


def version(_request):
    sdk, mpl = map(importlib.metadata.version, ("aws-encryption-sdk", "aws-cryptographic-material-providers"))
    return lambda: {"version": f"{sdk} with material providers {mpl} on Python {platform.python_version()}"}


OPERATIONS = {"seal": seal, "open": open_message, "version": version}


def describe(error):
    return f"{type(error).__name__}: {error}"


def answer(line):
    try:
        request = json.loads(line)
        run = OPERATIONS[request["op"]](request)
    except Exception as error:
        return {"broken": describe(error)}
    try:
        return run()
    except Exception as error:  # whatever the SDK raises is its refusal
        return {"refusal": describe(error)}


def main():
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
