// OpenAPI v2, for clients that have not moved on: the definitions of every kind as JSON. The protobuf form, which kubectl
// asks for as a last resort, carries the head of the document alone; kubectl then patches as its own types tell it.
import { serverVersion } from '../discovery/version.ts';
import type { ServedResource } from '../registry/types.ts';
import { writeKinds } from './group-version.ts';
import type { SchemaWriter } from './schema-document.ts';

const title = 'Idlewild lab';

export function swaggerDocument(resources: readonly ServedResource[]): string {
  const writer: SchemaWriter = { prefix: '#/definitions/', referred: new Map() };
  const definitions = writeKinds(writer, resources);
  return JSON.stringify({ swagger: '2.0', info: { title, version: serverVersion.gitVersion }, paths: {}, definitions });
}

/** A length-delimited protobuf field: every field here is one, and every length is below 128. */
function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content]);
}

/** openapi.v2.Document{swagger: 1, info: 2{title: 1, version: 2}, paths: 8} of the gnostic message types. */
export function swaggerHeadProtobuf(): Buffer {
  const info = Buffer.concat([field(1, Buffer.from(title)), field(2, Buffer.from(serverVersion.gitVersion))]);
  return Buffer.concat([field(1, Buffer.from('2.0')), field(2, info), field(8, Buffer.alloc(0))]);
}
