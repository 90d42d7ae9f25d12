// The subject of a certificate as Java's X500Principal.getName() writes it (RFC 2253): last part first, the keywords that
// RFC 2253 knows, other attributes by number and as hex. Principals in ACLs are compared with this text, so every letter counts.
import { child, type Der, DerTag, derChildren, objectId, readDer } from './der.ts';

const KEYWORDS: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.9': 'STREET',
  '0.9.2342.19200300.100.1.25': 'DC',
  '0.9.2342.19200300.100.1.1': 'UID',
};

const CONTEXT_0 = 0xa0;
/** Of TBSCertificate, counted without the optional version: serial number, signature, issuer, validity, subject. */
const SUBJECT_INDEX = 4;

/** From a certificate in DER. Throws DerError. */
export function subjectOf(certificate: Buffer): string {
  const fields = derChildren(child(readDer(certificate), 0));
  const subject = fields[fields[0]?.tag === CONTEXT_0 ? SUBJECT_INDEX + 1 : SUBJECT_INDEX];
  return subject ? nameText(subject) : '';
}

function nameText(name: Der): string {
  return derChildren(name)
    .map((part) => derChildren(part).map(attributeText).join('+'))
    .reverse()
    .join(',');
}

function attributeText(attribute: Der): string {
  const id = objectId(child(attribute, 0));
  const value = child(attribute, 1);
  const keyword = KEYWORDS[id];
  const text = keyword === undefined ? undefined : textOf(value);
  if (text === undefined) return `${keyword ?? id}=#${value.whole.toString('hex')}`;
  return `${keyword}=${escaped(text)}`;
}

function textOf({ tag, content }: Der): string | undefined {
  switch (tag) {
    case DerTag.UTF8:
      return content.toString('utf8');
    case DerTag.PRINTABLE:
    case DerTag.IA5:
    case DerTag.TELETEX:
      return content.toString('latin1');
    case DerTag.BMP:
      return Buffer.from(content).swap16().toString('utf16le');
    default:
      return undefined;
  }
}

function escaped(text: string): string {
  return text.replace(/[,=+<>#;"\\]/g, '\\$&').replace(/^ +| +$/g, (blanks) => '\\ '.repeat(blanks.length));
}
