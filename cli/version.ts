/** The version of this program, as package.json says. */
export const clientVersion = 'v0.1.0';
