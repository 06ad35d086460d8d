/**
 * What goes wrong with one request.
 *
 * - `cutBefore`: the connection ends, the request is not carried out
 * - `cutAfter`: it is carried out, and the connection ends instead of the answer
 * - `lostIn500`: it is carried out and answered 500
 * - `slow`: it is carried out, and nothing comes until the client has given up
 * - `answer`: an error, without the request carried out
 */
export type HttpFault =
  | { readonly kind: 'cutBefore' | 'cutAfter' | 'lostIn500' | 'slow' }
  | { readonly kind: 'answer'; readonly status: number; readonly reason: string };
