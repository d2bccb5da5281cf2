"""Certificates of every kind that is wrong, for servers on 127.0.0.1, and the file that trusts those that are right."""

import subprocess
from pathlib import Path

_KINDS = {
    # name: the host that it is for, the days that it is good for, whether it is trusted
    "good": ("IP:127.0.0.1", 30, True),
    "other host": ("DNS:livekit.example.com", 30, True),
    "expired": ("IP:127.0.0.1", -1, True),
    "self-signed": ("IP:127.0.0.1", 30, False),
}


def make(folder: Path) -> dict[str, str]:
    """PEM files with certificate and key by the name of their kind; "trusted" is for SSL_CERT_FILE."""
    made, trusted = {}, ""
    for name, (host, days, is_trusted) in _KINDS.items():
        key, file = folder / f"{name}.key", folder / f"{name}.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"]
        command += ["-addext", f"subjectAltName={host}", "-keyout", str(key), "-out", str(file), "-days", "1"]
        subprocess.run(command, check=True, capture_output=True)
        if days < 0:  # made anew with an end in the past
            again = ["openssl", "x509", "-in", str(file), "-signkey", str(key), "-days", str(days), "-out", str(file)]
            subprocess.run([*again, "-ext", "subjectAltName"], check=True, capture_output=True)
        certificate = file.read_text()
        trusted += certificate[certificate.index("-----BEGIN") :] if is_trusted else ""
        file.write_text(certificate + key.read_text())
        made[name] = str(file)
    (folder / "trusted.pem").write_text(trusted)
    return {**made, "trusted": str(folder / "trusted.pem")}
