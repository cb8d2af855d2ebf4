export const planHelp = '';
export async function plan(_args: readonly string[]): Promise<string> { return ''; }
