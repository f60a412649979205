declare const __CRANE_OCI_VERSION__: string | undefined;

/** Put in when the command line is bundled; from source it is a development build, as Go's tools call it. */
export const version: string = typeof __CRANE_OCI_VERSION__ === 'string' ? __CRANE_OCI_VERSION__ : '(devel)';
