// Tables, as `kubectl get` asks for them: columns of the kind, one row per object. And objects reduced to their metadata.

import type { ApiObject, Column, ServedResource } from '../registry/types.ts';
import { humanDuration } from './duration.ts';
import { findByJsonPath } from '../crd/json-path.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  readonly apiVersion: string;
  readonly includeObject: IncludeObject;
  readonly now: number;
}

export interface Table {
  readonly kind: 'Table';
  readonly apiVersion: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly columnDefinitions: readonly Readonly<Record<string, unknown>>[] | null;
  readonly rows: readonly { readonly cells: readonly unknown[]; readonly object: unknown }[];
}

const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within its scope.',
  value: (object) => object.metadata?.name ?? '',
};

export function columnsOf(resource: ServedResource): readonly Column[] {
  return resource.columns.some((column) => column.name === 'Name')
    ? resource.columns
    : [nameColumn, ...resource.columns];
}

export function renderTable(
  resource: ServedResource,
  objects: readonly ApiObject[],
  metadata: Readonly<Record<string, unknown>>,
  options: TableOptions,
): Table {
  const columns = columnsOf(resource);
  return {
    kind: 'Table',
    apiVersion: options.apiVersion,
    metadata,
    columnDefinitions: columns.map((column) => ({
      name: column.name,
      // Built-in kinds hand out ages as texts, custom ones as what they were computed from.
      type: !resource.custom && column.type === 'date' ? 'string' : column.type,
      format: column.format ?? '',
      description: column.description ?? (column.jsonPath === undefined ? '' : describePath(column.jsonPath)),
      priority: column.priority ?? 0,
    })),
    rows: objects.map((object) => ({
      cells: columns.map((column) => cell(column, object, options.now)),
      object: rowObject(object, options),
    })),
  };
}

/** `PartialObjectMetadata` of an object. */
export function partialMetadata(object: ApiObject, apiVersion: string): ApiObject {
  return { kind: 'PartialObjectMetadata', apiVersion, metadata: object.metadata ?? {} };
}

function rowObject(object: ApiObject, options: TableOptions): unknown {
  switch (options.includeObject) {
    case 'None':
      return null;
    case 'Object':
      return object;
    case 'Metadata':
      return partialMetadata(object, options.apiVersion);
  }
}

function cell(column: Column, object: ApiObject, now: number): unknown {
  if (column.value !== undefined) {
    const computed = column.value(object, now) ?? null;
    return column.type === 'date' && typeof computed === 'string' ? age(computed, now) : computed;
  }
  const values = column.jsonPath === undefined ? [] : findByJsonPath(column.jsonPath, object);
  const value = values[0];
  if (value === undefined || value === null) return null;
  switch (column.type) {
    case 'date':
      return age(String(value), now);
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'string':
      return values.length === 1 ? text(value) : values.map(text).join(',');
  }
}

function text(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function age(time: string, now: number): string {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? '<unknown>' : humanDuration(now - ms);
}

function describePath(path: string): string {
  return `Custom resource definition column (in JSONPath format): ${path}`;
}
