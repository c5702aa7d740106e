package io.varve.cli.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class KubernetesMachinesTest {
    private static Optional<JsonObject> node(String spec) {
        return Optional.of(JsonParser.parseString("{\"metadata\": {\"name\": \"node1\"}, \"spec\": " + spec + "}")
                .getAsJsonObject());
    }

    @Test
    void aNodeIsGivenUpByItsTaintOrWhenItIsGone() {
        assertThat(KubernetesMachines.reason(node(
                        "{\"taints\": [{\"key\": \"node.kubernetes.io/out-of-service\", \"effect\": \"NoExecute\"}]}")))
                .hasValueSatisfying(why -> assertThat(why).contains("out-of-service"));
        assertThat(KubernetesMachines.reason(Optional.empty())).isPresent();
    }

    @Test
    void aNodeThatIsOnlySilentOrDrainedIsNotGivenUp() {
        assertThat(KubernetesMachines.reason(node(
                        "{\"taints\": [{\"key\": \"node.kubernetes.io/unreachable\", \"effect\": \"NoExecute\"}]}")))
                .isEmpty();
        assertThat(KubernetesMachines.reason(node("{\"unschedulable\": true}"))).isEmpty();
    }
}
