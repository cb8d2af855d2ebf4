export const upHelp = '';
export async function up(_args: readonly string[]): Promise<void> {}
