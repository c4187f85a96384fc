import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerExtensionsValidatorCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;

/** Looks at a token as a broker of Amazon MSK does, but for the signature, which AWS alone knows. */
public class MskTokens implements AuthenticateCallbackHandler {
  private static final String HOST = "kafka.eu-west-1.amazonaws.com";
  private static final String SCOPE = "/eu-west-1/kafka-cluster/aws4_request";
  private static final DateTimeFormatter DATE = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'");

  @Override
  public void configure(Map<String, ?> all, String mechanism, List<AppConfigurationEntry> jaas) {}

  @Override
  public void close() {}

  @Override
  public void handle(Callback[] callbacks) throws UnsupportedCallbackException {
    for (Callback callback : callbacks) {
      if (callback instanceof OAuthBearerValidatorCallback asked) {
        try {
          asked.token(new Login(asked.tokenValue()));
        } catch (RuntimeException refusal) {
          asked.error("invalid_token " + refusal, null, null);
        }
      } else if (!(callback instanceof OAuthBearerExtensionsValidatorCallback)) {
        throw new UnsupportedCallbackException(callback);
      }
    }
  }

  private static final class Login implements OAuthBearerToken {
    private final String token;
    private final Map<String, String> signed = new HashMap<>();
    private final long signedMs;

    Login(String token) {
      this.token = token;
      byte[] bytes = Base64.getUrlDecoder().decode(token);
      URI address = URI.create(new String(bytes, StandardCharsets.UTF_8));
      for (String pair : address.getRawQuery().split("&")) {
        String[] sides = pair.split("=", 2);
        signed.put(sides[0], URLDecoder.decode(sides[1], StandardCharsets.UTF_8));
      }
      signedMs =
          LocalDateTime.parse(signed.get("X-Amz-Date"), DATE).toEpochSecond(ZoneOffset.UTC) * 1000;
      require(address.getScheme().equals("https") && address.getHost().equals(HOST), "address");
      require("kafka-cluster:Connect".equals(signed.get("Action")), "action");
      require(signed.get("X-Amz-Credential").endsWith(SCOPE), "scope");
      require(signed.get("X-Amz-Signature").matches("[0-9a-f]{64}"), "signature");
      require(System.currentTimeMillis() < lifetimeMs(), "age");
    }

    private static void require(boolean right, String what) {
      if (!right) {
        throw new IllegalArgumentException("wrong " + what);
      }
    }

    @Override
    public String value() {
      return token;
    }

    @Override
    public Set<String> scope() {
      return Set.of();
    }

    @Override
    public long lifetimeMs() {
      return signedMs + Long.parseLong(signed.get("X-Amz-Expires")) * 1000;
    }

    @Override
    public String principalName() {
      return signed.get("X-Amz-Credential").split("/")[0];
    }

    @Override
    public Long startTimeMs() {
      return signedMs;
    }
  }
}
