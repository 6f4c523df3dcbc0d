/** Labels by which EndpointSlices say whose they are. Apart from the schemas, for clients. */

/** On every slice: the service it is of. */
export const serviceNameLabel = 'kubernetes.io/service-name';
/** On every slice: who keeps it. */
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
/** Slices of this manager are the endpoints controller's alone. */
export const endpointsManager = 'endpointslice-controller.gantry.dev';
