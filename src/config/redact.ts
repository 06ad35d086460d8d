/** Written in place of what must not be read. */
const REDACTED = '[redacted]';

/**
 * The text without the given secrets, wherever they stand in it. For messages of client libraries
 * that may quote what they were given.
 */
export function redact(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret !== '')
    .toSorted((a, b) => b.length - a.length)
    .reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text);
}
