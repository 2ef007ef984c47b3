import com.aliyun.tea.TeaException;
import com.aliyun.teaopenapi.models.Config;
import com.aliyun.teaopenapi.models.OpenApiRequest;
import com.aliyun.teaopenapi.models.Params;
import com.aliyun.teautil.models.RuntimeOptions;
import com.aliyuncs.CommonRequest;
import com.aliyuncs.DefaultAcsClient;
import com.aliyuncs.http.HttpResponse;
import com.aliyuncs.http.MethodType;
import com.aliyuncs.http.ProtocolType;
import com.aliyuncs.profile.DefaultProfile;
import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Calls what it is told on stdin with one of the official SDKs for Java, and prints what came of each call.
 * The tests run it; what is right and wrong is decided there.
 */
public class Walk {
    private static final String REGION = "cn-hangzhou";
    private static final Gson GSON = new Gson();

    record Row(String product, String version, String action, JsonObject parameters, List<String> key) {}

    record Job(String client, String endpoint, List<Row> rows) {}

    public static void main(String[] arguments) throws Exception {
        Job job = GSON.fromJson(new InputStreamReader(System.in, StandardCharsets.UTF_8), Job.class);
        String host = URI.create(job.endpoint()).getAuthority();
        List<Map<String, Object>> outcomes = new ArrayList<>();
        for (Row row : job.rows()) {
            outcomes.add(job.client().equals("core") ? core(host, row) : openApi(host, row));
        }
        System.out.write(GSON.toJson(outcomes).getBytes(StandardCharsets.UTF_8));
        System.out.flush();
        System.exit(0); // connections are kept alive
    }

    /** Calls with aliyun-java-sdk-core: signature V1. */
    private static Map<String, Object> core(String host, Row row) {
        var profile = DefaultProfile.getProfile(REGION, row.key().get(0), row.key().get(1));
        var request = new CommonRequest();
        request.setSysMethod(MethodType.POST);
        request.setSysProtocol(ProtocolType.HTTP);
        request.setSysDomain(host);
        request.setSysVersion(row.version());
        request.setSysAction(row.action());
        texts(row).forEach(request::putQueryParameter);
        try {
            HttpResponse reply = new DefaultAcsClient(profile).doAction(request.buildRequest());
            JsonObject body = JsonParser.parseString(reply.getHttpContentString()).getAsJsonObject();
            if (reply.isSuccess()) {
                return Map.of("answer", body);
            }
            return refused(reply.getStatus(), body.get("Code").getAsString(), body.get("Message").getAsString());
        } catch (Exception error) {
            return Map.of("broken", error.toString());
        }
    }

    /** Calls with tea-openapi, which the SDKs of all products are made of: signature V3. */
    private static Map<String, Object> openApi(String host, Row row) {
        var params = new Params()
                .setAction(row.action())
                .setVersion(row.version())
                .setProtocol("HTTP")
                .setPathname("/")
                .setMethod("POST")
                .setAuthType("AK")
                .setStyle("RPC")
                .setReqBodyType("formData")
                .setBodyType("json");
        try {
            var client = new com.aliyun.teaopenapi.Client(new Config()
                    .setAccessKeyId(row.key().get(0))
                    .setAccessKeySecret(row.key().get(1))
                    .setEndpoint(host)
                    .setProtocol("http")
                    .setRegionId(REGION));
            var reply = client.callApi(params, new OpenApiRequest().setQuery(texts(row)), new RuntimeOptions());
            return Map.of("answer", reply.get("body"));
        } catch (TeaException error) {
            Object status = error.getData() == null ? null : error.getData().get("statusCode");
            return status == null
                    ? Map.of("broken", error.toString())
                    : refused(((Number) status).intValue(), error.getCode(), error.getMessage());
        } catch (Exception error) {
            return Map.of("broken", error.toString());
        }
    }

    private static Map<String, Object> refused(int status, String code, String message) {
        return Map.of("status", status, "code", code, "message", message);
    }

    /** Returns the parameters as texts; lists are for the caller to encode. */
    private static Map<String, String> texts(Row row) {
        Map<String, String> found = new HashMap<>();
        for (Map.Entry<String, JsonElement> each : row.parameters().entrySet()) {
            JsonElement value = each.getValue();
            found.put(each.getKey(), value.isJsonPrimitive() ? value.getAsString() : value.toString());
        }
        return found;
    }
}
