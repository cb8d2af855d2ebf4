import { MeshmockError } from '../../error/meshmock-error.ts';
import { echoForms } from '../../execute/echo-server.ts';

/** Forms of the answers of a service: meshmock's own, and those of echo servers. */
export const replyForms = ['meshmock', ...echoForms] as const;

export type ReplyForm = (typeof replyForms)[number];

/** Parses the name of a reply form. @throws MeshmockError `usage` */
export function parseReplyForm(value: string): ReplyForm {
  const form = replyForms.find((known) => known === value);
  if (form !== undefined) return form;
  throw new MeshmockError('usage', `"${value}" is not a form of answers: expected ${replyForms.join(', ')}`);
}
