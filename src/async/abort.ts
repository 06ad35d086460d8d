/**
 * Runs `work`, and `cancel` once if the signal aborts meanwhile; `cancel` must make `work` settle.
 *
 * @throws the signal's reason when it aborts, whatever `work` then ends with
 */
export async function cancellable<Result>(
  signal: AbortSignal,
  cancel: () => void,
  work: () => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const result = await work();
    signal.throwIfAborted();
    return result;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
