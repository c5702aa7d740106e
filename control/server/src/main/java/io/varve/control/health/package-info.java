/** "Is my data safe?", as a pure function of what is known. */
@NullMarked
package io.varve.control.health;

import org.jspecify.annotations.NullMarked;
