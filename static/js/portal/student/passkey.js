/**
 * Passkeys (WebAuthn level 2): make one, or have one sign a challenge.
 *
 * Options come from the server and answers go to it as JSON with base64url in the place of bytes.
 * What goes wrong is a PasskeyProblem whose `code` the page has a sentence for:
 * unsupported, cancelled (closed, timed out, or none fits), known (this device has one already),
 * insecure (no TLS, or an address without a host name), failed.
 */

const CODES = {
  NotAllowedError: "cancelled",
  AbortError: "cancelled",
  InvalidStateError: "known",
  SecurityError: "insecure",
  NotSupportedError: "unsupported",
};

export class PasskeyProblem extends Error {
  constructor(code, cause) {
    super(code, { cause });
    this.code = code;
  }
}

export function isSupported() {
  return window.isSecureContext && "PublicKeyCredential" in window;
}

/** Whether this device can check its user itself, so that a passkey can be kept on it. */
export async function canKeep() {
  return isSupported() && PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable();
}

export function bytesOf(text) {
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

export function textOf(buffer) {
  const characters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte));
  return btoa(characters.join("")).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function listed(credentials) {
  return credentials?.map((one) => ({ ...one, id: bytesOf(one.id) }));
}

async function ask(method, publicKey) {
  if (!isSupported()) throw new PasskeyProblem("unsupported");
  let credential;
  try {
    credential = await navigator.credentials[method]({ publicKey });
  } catch (error) {
    throw new PasskeyProblem(CODES[error.name] ?? "failed", error);
  }
  if (!credential) throw new PasskeyProblem("failed");
  return credential;
}

function answer(credential, response) {
  return {
    id: credential.id,
    rawId: textOf(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  };
}

/** Make a passkey by the server's `creation_options.publicKey`; the answer that registers it. */
export async function create(options) {
  const credential = await ask("create", {
    ...options,
    challenge: bytesOf(options.challenge),
    user: { ...options.user, id: bytesOf(options.user.id) },
    excludeCredentials: listed(options.excludeCredentials),
  });
  const { response } = credential;
  return answer(credential, {
    clientDataJSON: textOf(response.clientDataJSON),
    attestationObject: textOf(response.attestationObject),
    transports: response.getTransports?.() ?? [],
  });
}

/** Have a passkey answer the server's `request_options.publicKey`; the answer that signs in. */
export async function get(options) {
  const credential = await ask("get", {
    ...options,
    challenge: bytesOf(options.challenge),
    allowCredentials: listed(options.allowCredentials),
  });
  const { response } = credential;
  return answer(credential, {
    clientDataJSON: textOf(response.clientDataJSON),
    authenticatorData: textOf(response.authenticatorData),
    signature: textOf(response.signature),
    userHandle: response.userHandle ? textOf(response.userHandle) : undefined,
  });
}

/** The answer of `get` as check-ins and the replacement of a device take it. */
export function assertionOf(answered) {
  return {
    credential_id: answered.rawId,
    authenticator_data: answered.response.authenticatorData,
    client_data_json: answered.response.clientDataJSON,
    signature: answered.response.signature,
  };
}

/**
 * Have a passkey sign the evidence of a check-in (the text that is sent as `evidence`).
 *
 * `credentials` are the base64url ids of the student's passkeys for this host; without any the
 * browser offers those that it knows. `verification` is "required" where the phone's own check of
 * face, finger or screen lock is asked of everybody, "discouraged" where it is of no use.
 */
export async function sign(
  evidence,
  { credentials = [], verification = "preferred", timeout = 60_000 } = {},
) {
  const challenge = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(evidence));
  const answered = await get({
    challenge: textOf(challenge),
    rpId: location.hostname,
    userVerification: verification,
    allowCredentials: credentials.map((id) => ({ id, type: "public-key" })),
    timeout,
  });
  return assertionOf(answered);
}
