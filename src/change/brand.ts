/** A string that only its own parser makes, so that two kinds of text cannot be mixed up. */
export type Brand<Text, Name extends string> = Text & { readonly __brand: Name };

/** Closes a switch over a union: a variant added later stops compiling here. */
export function unreachable(value: never): never {
  throw new Error(`unreachable variant: ${JSON.stringify(value)}`);
}
