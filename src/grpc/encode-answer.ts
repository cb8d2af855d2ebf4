import { MeshmockError } from '../error/meshmock-error.ts';
import { optional } from '../error/optional.ts';
import type { Answer } from '../execute/answer.ts';
import type { ParseRoom } from '../execute/budgets/parse-room.ts';
import { readReply } from '../reply/json.ts';
import type { Reply } from '../reply/reply.ts';
import { requestError } from '../reply/request-error.ts';
import { statusesOfError } from '../reply/status.ts';
import type { errorStatusOf } from './status-details.ts';

/** Copies of the details of an error until they are sent: in base64, and in the frame. */
export const copiesOfDetails = 3;

/** Copies of a message until it is sent: the message, and its frame. */
export const copiesOfMessage = 2;

/** Answer as it is sent. */
export type SentAnswer =
  | { readonly kind: 'message'; readonly bytes: Buffer }
  | { readonly kind: 'error'; readonly status: ReturnType<typeof errorStatusOf> };

/**
 * Encodes an answer, and reports it as sent. An answer that cannot be encoded becomes an error.
 *
 * @param reply reply to send; that of the answer by default
 */
export function encodeAnswer(
  answered: Extract<Answer, { kind: 'reply' }>,
  room: ParseRoom,
  encode: (reply: Reply) => SentAnswer,
  reply = answered.reply,
): SentAnswer {
  try {
    const sent = encode(readReply(reply, room.leaveOut));
    answered.sent(reply);
    return sent;
  } catch (thrown) {
    const error = new MeshmockError('internal', `the reply cannot be sent over gRPC: ${(thrown as Error).message}`);
    const { service, version, pod } = reply;
    const errored: Reply = {
      service,
      ...optional('version', version),
      ...optional('pod', pod),
      ...statusesOfError(error),
      error: requestError(error),
    };
    const sent = encode(errored);
    answered.sent(errored);
    return sent;
  }
}
