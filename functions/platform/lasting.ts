/** Whether an error of AWS stays until a person repairs something: it is not there, or we may not. */
export const isLasting = (name: string): boolean =>
  /^(AccessDenied|NotAuthorized|AuthorizationError|NotFound|ResourceNotFound|Validation|InvalidParameter|KMSAccessDenied|MalformedDetail|InvalidArgument)/.test(
    name,
  );
