import { type LeaveOut, rawRepliesOf } from '../../reply/json.ts';
import type { PrunedReply, RawReply, Reply } from '../../reply/reply.ts';
import type { Budgets, RequestBudget } from './budgets.ts';

/** Room for the replies that must be parsed, because an answer is not JSON in one line. */
export interface ParseRoom {
  /** Decides whether a child is parsed. */
  readonly leaveOut: LeaveOut;
  /** Reports whether there is room to parse all children of a reply and to write them as indented JSON. */
  hasRoomToIndent(reply: Reply<RawReply>): boolean;
}

/** Room for replies without children. */
export const enoughRoom: ParseRoom = { leaveOut: () => undefined, hasRoomToIndent: () => true };

/** Room of one request. */
export class RequestParseRoom implements ParseRoom {
  private readonly budgets: Budgets;
  private readonly budget: RequestBudget;
  private readonly copies: number;
  private bytes = 0;

  /** @param copies number of copies of the text of a child in the answer that is made */
  constructor(budgets: Budgets, budget: RequestBudget, copies: number) {
    this.budgets = budgets;
    this.budget = budget;
    this.copies = copies;
  }

  readonly leaveOut: LeaveOut = (child) => {
    const bytes = this.bytes + child.parsedBytes + this.copies * child.byteLength;
    if (this.budget.hasRoom(bytes)) {
      this.bytes = bytes;
      return undefined;
    }
    this.budgets.refusals.add('max-held');
    return prunedReply(child.byteLength, this.budgets.explain('max-held'));
  };

  hasRoomToIndent(reply: Reply<RawReply>): boolean {
    const children = rawRepliesOf(reply);
    return this.budget.hasRoom(children.reduce((sum, child) => sum + child.parsedBytes + child.indentedBytes, 0));
  }
}

const mostBytes = 2 ** 32 - 1;

/** Returns the mark of a reply that is left out. */
export function prunedReply(bytes: number, reason: string): PrunedReply {
  return { bytes: Math.min(bytes, mostBytes), reason };
}
