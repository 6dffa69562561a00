// The seam of the API server: what a served resource is, what the schema functions and the authentication promise, and
// how the REST core asks for them. Types alone: no behaviour lives here, and nothing here imports from the two sides.

/** A Kubernetes object as plain JSON. Nothing beyond these four members may be assumed of its shape. */
export interface ApiObject {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
  [field: string]: unknown;
}

/** `metadata` of an object as stored and answered; times are RFC 3339 with whole seconds. */
export interface ObjectMeta {
  name?: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string | null;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: ManagedFieldsEntry[];
  [field: string]: unknown;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  time?: string;
  fieldsType: 'FieldsV1';
  fieldsV1: FieldsV1;
  subresource?: string;
}

/** The FieldsV1 trie: keys `f:name`, `k:{...}`, `v:value`, `.`; values are tries again. */
export interface FieldsV1 {
  [key: string]: FieldsV1;
}

/** An OpenAPI v3 schema with Kubernetes' extensions, as a CRD carries it. Built-in kinds use the same shape. */
export interface Schema {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  format?: string;
  title?: string;
  description?: string;
  nullable?: boolean;
  default?: unknown;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  items?: Schema;
  required?: string[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: boolean;
  exclusiveMaximum?: boolean;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  minProperties?: number;
  maxProperties?: number;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  not?: Schema;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: 'atomic' | 'granular';
  'x-kubernetes-patch-merge-key'?: string;
  /** `merge`, `replace`, `retainKeys` or a comma-joined pair of them. */
  'x-kubernetes-patch-strategy'?: string;
  'x-kubernetes-validations'?: ValidationRule[];
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
  [extension: `x-${string}`]: unknown;
}

export interface ValidationRule {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: FieldErrorReason;
  fieldPath?: string;
  optionalOldSelf?: boolean;
}

export type FieldErrorReason =
  | 'FieldValueRequired'
  | 'FieldValueInvalid'
  | 'FieldValueDuplicate'
  | 'FieldValueNotFound'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'
  | 'InternalError';

/** One cause of a 422. `message` is the full text of the cause, without the field in front. */
export interface FieldError {
  readonly field: string;
  readonly reason: FieldErrorReason;
  readonly message: string;
}

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

/** A printer column; `jsonPath` as in a CRD, or `value` for a built-in kind whose cell is computed. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description?: string;
  /** 0 is always shown, anything higher only with `-o wide`. */
  readonly priority?: number;
  readonly jsonPath?: string;
  readonly value?: (object: ApiObject, nowMs: number) => unknown;
}

export interface Scale {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath?: string;
}

/** What is known of a write when an object is prepared. */
export interface WriteContext {
  readonly user: User;
  /** '' for the object itself, otherwise `status`, `scale`, `finalize`, ... */
  readonly subresource: string;
  readonly now: () => number;
}

/**
 * A resource of one version that the server serves. The REST core sets metadata (uid, times, generation,
 * resourceVersion, managedFields); everything that depends on the kind is asked here.
 */
export interface ServedResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[];
  readonly statusSubresource: boolean;
  readonly scale?: Scale;
  /** Further subresources by name (`eviction`, `binding`, `log`, `token`, `finalize`, `proxy`); discovery lists them. */
  readonly subresources?: readonly Subresource[];
  /** Resources with the same storage share rows: defaults to `<group>/<plural>`. Events of both groups share one. */
  readonly storageKey?: string;
  readonly storageVersion: string;
  /** True when a CustomResourceDefinition made it. */
  readonly custom: boolean;
  /** Its definition is being deleted: what is there can be read, changed and deleted, but nothing new be made. */
  readonly terminating?: true;
  readonly schema: Schema;
  /** Set when the version is deprecated: text of the Warning header. */
  readonly deprecationWarning?: string;
  readonly columns: readonly Column[];
  /** Field selectors beyond metadata.name and metadata.namespace, which are always there. */
  selectableFields(object: ApiObject): Record<string, string>;
  /** Names of the selectable fields, to refuse others with 400. */
  readonly selectableFieldNames: readonly string[];
  /** Sets what creation sets (Pending phase, dropped status). Mutates the object. */
  prepareCreate(object: ApiObject, context: WriteContext): void;
  /** Keeps what an update may not change (status outside of `status`, and the reverse). Mutates `next`. */
  prepareUpdate(next: ApiObject, old: ApiObject, context: WriteContext): void;
  /** Validates spec and status; metadata is the core's. Empty when valid. */
  validate(object: ApiObject, old: ApiObject | undefined, context: WriteContext): FieldError[];
  /** Whether the write moves metadata.generation. Absent: everything outside metadata and status, if status is split off. */
  bumpsGeneration?(next: ApiObject, old: ApiObject): boolean;
  /** From the stored form to this version and back; absent where they are the same but for apiVersion. */
  fromStorage?(object: ApiObject): ApiObject;
  toStorage?(object: ApiObject): ApiObject;
  /** Grace for a deletion without options, in seconds; undefined: deleted at once. */
  gracePeriodSeconds?(object: ApiObject): number | undefined;
}

export interface Subresource {
  readonly name: string;
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
}

/** What is served right now: the built-in kinds and those of the stored CustomResourceDefinitions. */
export interface Registry {
  find(group: string, version: string, plural: string): ServedResource | undefined;
  /** Any served version of the resource, the preferred one first. */
  versionsOf(group: string, plural: string): readonly ServedResource[];
  all(): readonly ServedResource[];
  /** The server tells which CRDs are stored (at start and after each write of one). */
  setCustomResourceDefinitions(crds: readonly ApiObject[]): void;
  /** The server tells which APIServices are stored, so that discovery can list their groups. */
  setApiServices(apiServices: readonly ApiObject[]): void;
  onChange(callback: () => void): void;
}

/** The functions on schemas. All paths are in Kubernetes' notation: `spec.items[0].name`, `spec.map[key]`. */
export interface SchemaFunctions {
  /** Removes unknown fields in place and returns their paths. */
  prune(schema: Schema, object: ApiObject): string[];
  /** Fills in defaults in place; `null` for a field with a default takes the default. */
  applyDefaults(schema: Schema, object: ApiObject): void;
  validate(schema: Schema, object: ApiObject, old: ApiObject | undefined): FieldError[];
}

export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface StaticToken {
  readonly token: string;
  readonly user: string;
  readonly uid?: string;
  readonly groups: readonly string[];
}

/** What a request wants, as an authorizer sees it. */
export type Attributes =
  | {
      readonly type: 'resource';
      readonly verb: string;
      readonly group: string;
      readonly version: string;
      readonly resource: string;
      readonly subresource?: string;
      readonly namespace?: string;
      readonly name?: string;
    }
  | { readonly type: 'path'; readonly verb: string; readonly path: string };

export interface Authorization {
  readonly allowed: boolean;
  readonly reason: string;
}

/** The credentials of a request. `clientCertificate` is set when the TLS layer verified one of our own CA. */
export interface Credentials {
  readonly authorization?: string;
  readonly clientCertificate?: { readonly commonName: string; readonly organizations: readonly string[] };
  /** `Impersonate-*` headers, lower-cased names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface Auth {
  /** undefined is no credentials at all (anonymous), 'invalid' is credentials that are wrong (401). */
  authenticate(credentials: Credentials): Promise<User | undefined | 'invalid'>;
  authorize(user: User, attributes: Attributes): Authorization;
  /** SubjectAccessReview and its kin, TokenReview, SelfSubjectReview: the answered object, or undefined if not a review. */
  review(resource: ServedResource, object: ApiObject, context: ReviewContext): Promise<ApiObject>;
  /** TokenRequest on serviceaccounts/token; throws an ApiFailure-shaped Status on bad input. */
  requestToken(serviceAccount: ApiObject, request: ApiObject): Promise<ApiObject>;
}

export interface ReviewContext {
  readonly user: User;
  readonly namespace?: string;
}

/** A read-only look into the store for the parts that must know stored objects (RBAC, service accounts). */
export interface ObjectReader {
  get(group: string, plural: string, namespace: string, name: string): ApiObject | undefined;
  list(group: string, plural: string, namespace?: string): readonly ApiObject[];
  /** Changes whenever any object of the resource changed: for caches. */
  revision(group: string, plural: string): number;
}

/** A finished answer outside the REST machinery. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** /api, /apis, /apis/GROUP, /apis/GROUP/VERSION, /version; aggregated if `accept` asks. undefined: not a discovery path. */
export type HandleDiscovery = (path: string, accept: string) => Answer | undefined;
/** /openapi/v2, /openapi/v3, /openapi/v3/...; `query` is the raw query string. undefined: not an OpenAPI path. */
export type HandleOpenApi = (path: string, accept: string, ifNoneMatch: string | undefined) => Answer | undefined;
