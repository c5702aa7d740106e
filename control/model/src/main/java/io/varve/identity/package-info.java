/**
 * Who is who between processes: roles, the names in certificates, the cluster's certificate authority, and what JSSE (and through it Netty,
 * Vert.x and Ratis) asks when it makes or judges a TLS connection. {@code docs/internals/security.md} is the design. Uses the JDK only.
 */
@NullMarked
package io.varve.identity;

import org.jspecify.annotations.NullMarked;
