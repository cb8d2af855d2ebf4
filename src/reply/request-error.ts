import { requestErrorCodeOf } from '../error/error-code.ts';
import type { MeshmockError } from '../error/meshmock-error.ts';
import { caretLines } from '../error/text-place.ts';
import { redactUri } from './redaction.ts';
import type { RequestError } from './reply.ts';

/** An error as a reply shows it. */
export function requestError(error: MeshmockError): RequestError {
  const { message, place, field } = error;
  return {
    code: requestErrorCodeOf(error.code),
    message,
    ...(place === undefined
      ? {}
      : {
          offset: place.offset,
          expected: place.expected,
          caret: caretLines({ ...place, text: redactUri(place.text) }),
        }),
    ...(field === undefined ? {} : { field }),
  };
}
