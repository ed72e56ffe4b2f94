"""Ed25519 (RFC 8032, section 5.1) with Python alone: it verifies, with plain integers, and cannot sign. Slow, and
enough for the few signatures of a checkpoint; verify_export.py beside it needs it."""

import hashlib

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def point(data):
    """A point from its 32 bytes (5.1.3), as x, y, z, x*y/z; None where they are none, or written otherwise."""
    y, odd = int.from_bytes(data, "little") & 2**255 - 1, data[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (odd and not x):
        return None
    x = P - x if x % 2 != odd else x
    return x, y, 1, x * y % P


def add(one, two):
    """The sum of two points (5.1.4)."""
    a, b = (one[1] - one[0]) * (two[1] - two[0]), (one[1] + one[0]) * (two[1] + two[0])
    c, d = 2 * one[3] * two[3] * D, 2 * one[2] * two[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number, one):
    """So many times a point."""
    rest = times(number >> 1, add(one, one)) if number else (0, 1, 1, 0)
    return add(rest, one) if number & 1 else rest


def has_signed(public, text, signature):
    """Whether a signature of a text is a key's: R = S*B - k*A, byte for byte, with S below L (5.1.7)."""
    s, key = int.from_bytes(signature[32:], "little"), point(public)
    if len(signature) != 64 or s >= L or key is None:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + text).digest(), "little") % L
    minus = (P - key[0], key[1], 1, P - key[3])
    base = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    x, y, z, _ = add(times(s, base), times(k, minus))
    inverse = pow(z, P - 2, P)
    return (y * inverse % P | (x * inverse % P & 1) << 255).to_bytes(32, "little") == signature[:32]
