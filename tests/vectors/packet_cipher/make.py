#!/usr/bin/python3
"""Writes ctr_hmac.txt with paramiko's Packetizer and gcm.txt with AESGCM of python3-cryptography (packets framed by RFC 5647).

Run in this folder on Debian 12 (paramiko 2.12.0, cryptography 38.0.4): ./make.py
"""
import hashlib
import struct

from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from paramiko.packet import Packetizer


class Sink:
    """The socket of a Packetizer."""

    def __init__(self):
        self.sent = b""

    def send(self, data):
        self.sent += data
        return len(data)

    def settimeout(self, seconds):
        pass


class Message:
    def __init__(self, payload):
        self.payload = payload

    def asbytes(self):
        return self.payload


def octets(label, size):
    return hashlib.shake_256(label.encode()).digest(size)


def write(out, **fields):
    for name, value in fields.items():
        out.write(f"{name} = {value.hex() if isinstance(value, bytes) else value}\n")
    out.write("\n")


PAYLOADS = [b"\x05", b"\x5e" + bytes(range(200)), b"\x02" * 17]

with open("ctr_hmac.txt", "w") as out:
    out.write("# packets of paramiko 2.12.0 (Packetizer), written by tests/vectors/packet_cipher/make.py; three per direction, padding of zeros\n\n")
    for bits in (128, 192, 256):
        for mac, digest in (("hmac-sha2-256", hashlib.sha256), ("hmac-sha2-512", hashlib.sha512)):
            for etm in (False, True):
                name = f"aes{bits}-ctr {mac}{'-etm@openssh.com' if etm else ''}"
                key = octets(name + " key", bits // 8)
                # A counter that carries out of its last octets on the way.
                iv = octets(name + " iv", 13) + b"\xff\xff\xfe"
                mac_key = octets(name + " mac", digest().digest_size)
                sink = Sink()
                packetizer = Packetizer(sink)
                for _ in range(3):  # packets before NEWKEYS: sequence numbers 0, 1, 2
                    packetizer.send_message(Message(b"\x02"))
                engine = Cipher(algorithms.AES(key), modes.CTR(iv), backend=default_backend()).encryptor()
                packetizer.set_outbound_cipher(engine, 16, digest, digest().digest_size, mac_key, sdctr=True, etm=etm)
                for index, payload in enumerate(PAYLOADS):
                    sink.sent = b""
                    packetizer.send_message(Message(payload))
                    write(out, algorithms=name, key=key, iv=iv, mac_key=mac_key, sequence=3 + index, payload=payload, sealed=sink.sent)

with open("gcm.txt", "w") as out:
    out.write("# AESGCM of python3-cryptography 38.0.4 over packets framed by RFC 5647, written by tests/vectors/packet_cipher/make.py\n\n")
    for bits in (128, 256):
        name = f"aes{bits}-gcm@openssh.com"
        key = octets(name + " key", bits // 8)
        # The invocation counter carries over an octet's border, and its fixed field must not change.
        fixed, counter = b"\xff\xff\xff\xff", 0x00FFFFFFFFFFFFFF - 1
        iv = fixed + struct.pack(">Q", counter)
        for index, payload in enumerate(PAYLOADS):
            padding = 16 - (1 + len(payload)) % 16
            padding += 16 if padding < 4 else 0
            body = bytes([padding]) + payload + bytes(padding)
            length = struct.pack(">I", len(body))
            nonce = fixed + struct.pack(">Q", counter + index)
            sealed = length + AESGCM(key).encrypt(nonce, body, length)
            write(out, algorithms=name, key=key, iv=iv, sequence=3 + index, payload=payload, sealed=sealed)
