/** What Varve asks of the Kubernetes that it runs in. Plain sequential code; nothing of it is on the way of a read or write. */
@NullMarked
package io.varve.cli.kubernetes;

import org.jspecify.annotations.NullMarked;
