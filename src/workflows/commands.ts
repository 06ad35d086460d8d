import { ApplicationFailure, defineSignal, defineUpdate, setHandler } from '@temporalio/workflow';
import type { CommandAnswer, Parsed } from '../control/messages.ts';

/** How a workflow takes its commands. Nothing here may throw or wait. */
export interface CommandHandlers<Kind extends string, Command> {
  readonly parse: (kind: Kind, payload: unknown) => Parsed<Command>;
  readonly refusalOf: (command: Command) => string | undefined;
  readonly take: (command: Command) => CommandAnswer;
  /** A signal that cannot be taken: on record, because nobody waits for an answer. */
  readonly refuse: (text: string) => void;
}

/**
 * Every command as an update, which is validated and answered, and as a signal, which waits in the
 * server for a worker. A throw in a signal handler would stop the workflow, so a bad one is recorded.
 */
export function bindCommands<Kind extends string, Command>(
  kinds: readonly Kind[],
  handlers: CommandHandlers<Kind, Command>,
): void {
  for (const kind of kinds) {
    setHandler(defineSignal<[unknown]>(kind), (payload) => {
      const checked = check(kind, payload, handlers);
      if (checked.ok) handlers.take(checked.value);
      else handlers.refuse(`${kind}: ${checked.message}`);
    });
    setHandler(
      defineUpdate<CommandAnswer, [unknown]>(kind),
      (payload) => handlers.take(accepted(check(kind, payload, handlers))),
      { validator: (payload) => void accepted(check(kind, payload, handlers)) },
    );
  }
}

/** Binds a notice of an activity; a person can send the same signal, so it is checked like a command. */
export function bindNotice<Notice>(
  name: string,
  parse: (payload: unknown) => Parsed<Notice>,
  take: (notice: Notice) => void,
  refuse: (text: string) => void,
): void {
  setHandler(defineSignal<[unknown]>(name), (payload) => {
    const parsed = parse(payload);
    if (parsed.ok) take(parsed.value);
    else refuse(parsed.message);
  });
}

function check<Kind extends string, Command>(
  kind: Kind,
  payload: unknown,
  { parse, refusalOf }: CommandHandlers<Kind, Command>,
): Parsed<Command> {
  const parsed = parse(kind, payload);
  if (!parsed.ok) return parsed;
  const message = refusalOf(parsed.value);
  return message === undefined ? parsed : { ok: false, message };
}

/** In a validator this rejects the update; the handler runs right behind it, on the same state. */
function accepted<Command>(checked: Parsed<Command>): Command {
  if (checked.ok) return checked.value;
  throw ApplicationFailure.nonRetryable(checked.message, 'pipeline.refused');
}
