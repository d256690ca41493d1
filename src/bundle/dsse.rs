//! Signatures of bundles: DSSE envelopes with Ed25519.
//!
//! Signed is not the statement itself but its pre-authentication encoding,
//! `DSSEv1 LEN(type) type LEN(payload) payload`, so that no other text can pass for it. Sources: DSSE 1.0.2
//! (`protocol.md`, `envelope.md`), RFC 8032 (Ed25519), RFC 8410 (its keys in PKCS#8 and SPKI, as
//! `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write them).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncodePublicKey as _};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::source::sha256_hex;

/// What the payload of an envelope is.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A signed payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The payload in base64.
    pub payload: String,
    /// Always [`PAYLOAD_TYPE`].
    pub payload_type: String,
    /// The signatures; socklint makes one.
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeSignature {
    /// SHA-256 of the public key (DER of its SubjectPublicKeyInfo), lower-case hex. A hint, nothing more.
    #[serde(default)]
    pub keyid: String,
    /// The 64 bytes of the signature in base64.
    pub sig: String,
}

/// What is signed for a payload.
#[must_use]
pub fn pae(payload: &[u8]) -> Vec<u8> {
    let mut text =
        format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    text.extend_from_slice(payload);
    text
}

/// Signs a payload with a private key in PEM.
///
/// # Errors
///
/// When the text is no Ed25519 key in PKCS#8.
pub fn sign(payload: &[u8], private_pem: &str) -> Result<Envelope, String> {
    let key = SigningKey::from_pkcs8_pem(private_pem.trim())
        .map_err(|fault| format!("this is no Ed25519 private key in PKCS#8: {fault}"))?;
    let signature = key.sign(&pae(payload));
    Ok(Envelope {
        payload: STANDARD.encode(payload),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: vec![EnvelopeSignature {
            keyid: key_id(&key.verifying_key()),
            sig: STANDARD.encode(signature.to_bytes()),
        }],
    })
}

/// The payload of an envelope, when one of its signatures is that of a public key in PEM.
///
/// # Errors
///
/// Why it cannot be trusted, in a clause.
pub fn verify(envelope: &Envelope, public_pem: &str) -> Result<Vec<u8>, String> {
    let key = VerifyingKey::from_public_key_pem(public_pem.trim())
        .map_err(|fault| format!("this is no Ed25519 public key: {fault}"))?;
    let payload = payload(envelope)?;
    let text = pae(&payload);
    let good = envelope.signatures.iter().any(|signature| {
        STANDARD
            .decode(&signature.sig)
            .ok()
            .and_then(|bytes| Signature::from_slice(&bytes).ok())
            .is_some_and(|signature| key.verify_strict(&text, &signature).is_ok())
    });
    match good {
        true => Ok(payload),
        false => Err("no signature of the envelope is by this key over this payload".to_owned()),
    }
}

/// The payload of an envelope, whoever signed it.
///
/// # Errors
///
/// When it is of another type, or is no base64.
pub fn payload(envelope: &Envelope) -> Result<Vec<u8>, String> {
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(format!("the envelope holds no `{PAYLOAD_TYPE}`"));
    }
    STANDARD.decode(&envelope.payload).map_err(|_| "the payload is no base64".to_owned())
}

fn key_id(key: &VerifyingKey) -> String {
    key.to_public_key_der().map_or_else(|_| String::new(), |der| sha256_hex(der.as_bytes()))
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::pkcs8::EncodePrivateKey as _;
    use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;

    use super::*;

    /// As `openssl genpkey -algorithm ed25519` writes it, and `openssl pkey -pubout` for it.
    fn keys() -> (String, String) {
        let key = SigningKey::from_bytes(&[7; 32]);
        let private = key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
        (private, key.verifying_key().to_public_key_pem(LineEnding::LF).unwrap())
    }

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        let text = String::from_utf8(pae(b"hello world")).unwrap();
        assert_eq!(text, "DSSEv1 28 application/vnd.in-toto+json 11 hello world");
    }

    #[test]
    fn one_changed_byte_is_noticed() {
        let (private, public) = keys();
        let envelope = sign(b"{\"a\": 1}", &private).unwrap();
        assert_eq!(verify(&envelope, &public).unwrap(), b"{\"a\": 1}");
        let other = Envelope { payload: STANDARD.encode(b"{\"a\": 2}"), ..envelope.clone() };
        assert!(verify(&other, &public).is_err());
        let other = Envelope { payload_type: "text/plain".to_owned(), ..envelope.clone() };
        assert!(verify(&other, &public).is_err());
        let mut other = envelope.clone();
        for signature in &mut other.signatures {
            let mut bytes = STANDARD.decode(&signature.sig).unwrap();
            bytes[0] ^= 1;
            signature.sig = STANDARD.encode(bytes);
        }
        assert!(verify(&other, &public).is_err());
        assert!(sign(b"", &public).is_err());
        assert!(verify(&envelope, &private).is_err());
    }

    #[test]
    fn signatures_are_the_same_from_run_to_run() {
        let (private, _) = keys();
        assert_eq!(sign(b"x", &private).unwrap(), sign(b"x", &private).unwrap());
    }
}
