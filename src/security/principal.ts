// Who somebody is: a type and a name, written `User:alice`. Kafka compares principals exactly, case included.

export interface Principal {
  readonly type: string;
  readonly name: string;
}

/** Of connections that nobody logged in on. */
export const ANONYMOUS: Principal = { type: 'User', name: 'ANONYMOUS' };

export function userPrincipal(name: string): Principal {
  return { type: 'User', name };
}

export function principalText({ type, name }: Principal): string {
  return `${type}:${name}`;
}

/** Undefined when the text is no `type:name`. */
export function parsePrincipal(text: string): Principal | undefined {
  const colon = text.indexOf(':');
  return colon <= 0 || colon === text.length - 1
    ? undefined
    : { type: text.slice(0, colon), name: text.slice(colon + 1) };
}

/** `User:admin;User:ops`, as super.users has it: distinguished names hold commas. Blank parts are passed over. */
export function parsePrincipals(text: string): { principals: readonly Principal[]; invalid: readonly string[] } {
  const principals: Principal[] = [];
  const invalid: string[] = [];
  for (const part of text.split(';').map((each) => each.trim())) {
    if (part === '') continue;
    const principal = parsePrincipal(part);
    if (principal) principals.push(principal);
    else invalid.push(part);
  }
  return { principals, invalid };
}
