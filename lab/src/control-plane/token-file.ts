// Reads a static token file in the form of kube-apiserver's --token-auth-file: token,user,uid,"group1,group2".

/** The token of a user. Throws if the file has none. */
export function tokenOf(csv: string, user: string): string {
  for (const line of csv.split('\n')) {
    const [token, name] = line.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
    if (token && name === user) return token;
  }
  throw new Error(`tokens.csv: no token of user "${user}"`);
}
